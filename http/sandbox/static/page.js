// Refreshes what the page shows and lets its buttons set and clear faults.
'use strict';

async function refresh() {
  const answer = await fetch('/');
  const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
  const busy = document.activeElement instanceof HTMLButtonElement
    || document.getSelection().type === 'Range';
  if (!busy) document.querySelector('main').replaceWith(fresh.querySelector('main'));
}

async function act(button) {
  if (button.dataset.fault !== undefined) {
    await fetch('/sandbox/faults', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: button.dataset.fault,
    });
  } else {
    const number = button.dataset.clear;
    await fetch('/sandbox/faults' + (number ? '/' + number : ''), { method: 'DELETE' });
  }
  button.blur();
  await refresh();
}

document.addEventListener('click', (event) => {
  if (event.target instanceof HTMLButtonElement) act(event.target);
});
setInterval(() => refresh().catch(() => {}), 2000);
