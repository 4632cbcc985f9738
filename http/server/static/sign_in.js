'use strict';

const part = (id) => document.getElementById(id);
const say = (text, isWrong = false) => {
  part('said').textContent = text;
  part('said').className = isWrong ? 'wrong' : '';
};
let csrf = '';

async function ask(method, path, body) {
  const headers = { 'Content-Type': 'application/json' };
  if (csrf) headers['X-CSRF-Token'] = csrf;
  try {
    const answer = await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    return { ok: answer.ok, status: answer.status, body: await answer.json() };
  } catch {
    return { ok: false, status: 0, body: { error: 'The hub does not answer; try again.' } };
  }
}

function show(session) {
  const token = location.hash.slice(1);
  csrf = session ? session.csrf_token : '';
  part('here').hidden = !session;
  part('by-link').hidden = Boolean(session) || !token;
  part('sign-in').hidden = Boolean(session) || Boolean(token);
  part('by-provider').hidden = part('sign-in').hidden || part('by-provider').dataset.offered !== 'yes';
  if (!session) return;
  part('who').textContent = session.email;
  part('role').textContent = session.role;
  part('current').hidden = !session.needs_current_password;
}

/** Sends a form's fields when it is submitted, and goes on with the answer. */
function on(id, send, done) {
  part(id).addEventListener('submit', async (event) => {
    event.preventDefault();
    const button = event.target.querySelector('button');
    button.disabled = true;
    say('');
    const answer = await send(Object.fromEntries(new FormData(event.target)));
    button.disabled = false;
    if (!answer.ok) {
      if (id === 'sign-in') part('which').hidden = false; // who is in several must say which
      return say(answer.body.error, true);
    }
    done(answer.body, event.target);
  });
}

on('sign-in', (fields) => ask('POST', '/api/session', fields), (session, form) => {
  form.reset();
  show(session);
});

on('by-link', () => ask('POST', '/api/session/link', { token: location.hash.slice(1) }), (session) => {
  history.replaceState(null, '', '/sign-in');
  show(session);
  say('Choose a password: the link does not work again.');
});

on('password', (fields) => ask('PUT', '/api/session/password', fields), (session, form) => {
  form.reset();
  show(session);
  say('The password is set; every other session has ended.');
});

on('sign-out', () => ask('DELETE', '/api/session'), () => show(null));

part('which').hidden = location.search !== '?which';
part('by-provider').querySelector('a').addEventListener('click', ({ currentTarget }) => {
  const named = part('which').querySelector('input').value;
  currentTarget.search = named ? `?workspace=${encodeURIComponent(named)}` : '';
});

part('other-way').addEventListener('click', () => {
  history.replaceState(null, '', '/sign-in');
  show(null);
});

(async () => {
  const token = location.hash.slice(1);
  const answer = token ? { ok: false } : await ask('GET', '/api/session');
  show(answer.ok ? answer.body : null);
})();
