// A real OpenID provider on this machine, for the tests: its own keys, clients and people, and a few
// calls below /test/ that change what it knows or make it misbehave.
//   node provider.mjs <port of the hub> <process to end with>
import { createServer } from 'node:http';
import { webcrypto } from 'node:crypto';

globalThis.crypto ??= webcrypto; // Node 18

const { SignJWT, exportJWK, generateKeyPair } = await import('jose');
const { default: Provider } = await import('oidc-provider');

const [hubPort, parent] = process.argv.slice(2).map(Number);
const people = new Map();
const calls = {};
let faults = {};
let tamper = null;
let keys = [];
let serve = null;
let provider = null;

const server = createServer((request, response) => {
  answer(request, response).catch((error) => {
    response.writeHead(500, { 'Content-Type': 'text/plain' }).end(String(error?.stack ?? error));
  });
});
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const issuer = `http://127.0.0.1:${server.address().port}`;

async function newKeys(generation) {
  keys = [];
  for (const alg of ['RS256', 'ES256']) {
    const { privateKey } = await generateKeyPair(alg, { extractable: true });
    keys.push({ ...(await exportJWK(privateKey)), kid: `${alg}-${generation}`, alg, use: 'sig' });
  }
  provider = makeProvider();
  serve = provider.callback();
}

function makeProvider() {
  const made = new Provider(issuer, {
    jwks: { keys },
    cookies: { keys: ['of the tests'] },
    pkce: { required: () => true, methods: ['S256'] },
    scopes: ['openid', 'email', 'profile', 'tickets:read', 'tickets:write', 'pii:read',
      'people:write', 'keys:write', 'operations:read'],
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
    features: {
      devInteractions: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      revocation: { enabled: true },
      clientCredentials: { enabled: true },
    },
    clients: [
      {
        client_id: 'hub',
        client_secret: 'the hub: its secret',
        redirect_uris: [`http://127.0.0.1:${hubPort}/auth/oidc/callback`],
      },
      {
        client_id: 'hub-api',
        client_secret: 'another secret',
        redirect_uris: [],
        response_types: [],
        grant_types: ['client_credentials'],
        scope: 'tickets:read tickets:write pii:read people:write keys:write operations:read',
      },
    ],
    findAccount: (context, id) => ({
      accountId: id,
      claims: async () => ({ sub: id, ...people.get(id) }),
    }),
    ttl: { Session: 3600, Grant: 3600, Interaction: 600, IdToken: 600, AccessToken: 600 },
    renderError: async (context, out) => { context.type = 'text'; context.body = JSON.stringify(out); },
  });
  made.use(async (context, next) => {
    await next();
    if (context.oidc?.route !== 'token' || !tamper || !context.body?.id_token) return;
    const claims = JSON.parse(Buffer.from(context.body.id_token.split('.')[1], 'base64url'));
    context.body.id_token = await sign({ ...tamper, claims: { ...claims, ...tamper.claims } });
  });
  return made;
}

/** A token of any claims, signed rightly or wrongly. */
async function sign({ claims, header = {}, by = 'RS256', secret }) {
  const clean = Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== null));
  if (by === 'none') {
    const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    return `${part({ alg: 'none', ...header })}.${part(clean)}.`;
  }
  if (by === 'HS256')
    return new SignJWT(clean).setProtectedHeader({ alg: 'HS256', ...header })
      .sign(Buffer.from(secret));
  if (by === 'stranger') {
    const { privateKey } = await generateKeyPair('RS256');
    return new SignJWT(clean).setProtectedHeader({ alg: 'RS256', kid: keys[0].kid, ...header })
      .sign(privateKey);
  }
  const key = keys.find((one) => one.alg === by);
  const { importJWK } = await import('jose');
  return new SignJWT(clean).setProtectedHeader({ alg: by, kid: key.kid, ...header })
    .sign(await importJWK(key, by));
}

const told = {
  people: (body) => { for (const [sub, who] of Object.entries(body)) people.set(sub, who); },
  faults: (body) => { faults = body; },
  tamper: (body) => { tamper = Object.keys(body).length ? body : null; },
  rotate: (body) => newKeys(body.generation),
  calls: () => calls,
  jwt: async (body) => ({ token: await sign(body) }),
  opaque: async ({ sub, scope, client = 'hub-api' }) => {
    const found = await provider.Client.find(client);
    const made = sub
      ? new provider.AccessToken({ accountId: sub, client: found, scope })
      : new provider.ClientCredentials({ client: found, scope });
    return { token: await made.save() };
  },
  revoke: async ({ token }) => {
    const found = await provider.AccessToken.find(token)
      ?? await provider.ClientCredentials.find(token);
    await found.destroy();
  },
};

async function answer(request, response) {
  const path = new URL(request.url, issuer).pathname;
  if (path.startsWith('/test/')) {
    let text = '';
    for await (const part of request) text += part;
    const result = await told[path.slice('/test/'.length)](JSON.parse(text || '{}'));
    response.writeHead(200, { 'Content-Type': 'application/json' })
      .end(JSON.stringify(result ?? {}));
    return;
  }
  calls[path] = (calls[path] ?? 0) + 1;
  if (faults[path]) {
    response.writeHead(503, { 'Content-Type': 'text/plain' }).end('away');
    return;
  }
  await serve(request, response);
}

await newKeys(1);
console.log(JSON.stringify({ issuer, pid: process.pid }));
setInterval(() => {
  try { process.kill(parent, 0); } catch { process.exit(0); }
}, 500);
