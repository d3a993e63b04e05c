// The REST API, as openapi.yaml describes it.

const base = '/voicemail/v1';
const kept = 'voicemail.authorization';

// Problem is an answer that is an error (RFC 9457).
export class Problem extends Error {
  constructor(status, doc) {
    super(doc.detail ? `${doc.title}: ${doc.detail}` : doc.title);
    this.status = status;
    this.code = (doc.type ?? '').split(':').at(-1);
    this.messages = doc.messages;
    this.limit = doc.limit;
  }
}

// credentials are kept as long as the tab, and by nobody but this origin.
export const credentials = {
  get: () => sessionStorage.getItem(kept),
  bearer: (token) => sessionStorage.setItem(kept, `Bearer ${token}`),
  basic: (user, password) => sessionStorage.setItem(kept, `Basic ${btoa(String.fromCharCode(...new TextEncoder().encode(`${user}:${password}`)))}`),
  forget: () => sessionStorage.removeItem(kept),
};

// refused is called when the credentials are not accepted any more.
let refused = () => {};
export const onRefused = (f) => { refused = f; };

const unreachable = { title: 'The service cannot be reached', detail: 'are you online?' };

// request sends a request, and returns the response if it is a success; otherwise it throws a Problem. A path may be absolute.
export async function request(method, path, body, type = 'application/json') {
  const headers = { Authorization: credentials.get() ?? '' };
  if (body !== undefined) headers['Content-Type'] = type;
  let response;
  try {
    response = await fetch(path.startsWith(base) ? path : base + path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), cache: 'no-store' });
  } catch {
    throw new Problem(0, unreachable);
  }
  if (response.ok) return response;
  const doc = await response.json().catch(() => ({ title: `The service answers with status ${response.status}` }));
  if (response.status === 401) refused();
  throw new Problem(response.status, doc);
}

const json = async (...args) => (await request(...args)).json();

export const get = (path) => json('GET', path);
export const post = (path, body) => json('POST', path, body);
export const patch = (path, body) => json('PATCH', path, body, 'application/merge-patch+json');
export const remove = (path) => request('DELETE', path);

// ticket returns a URL that stands for the credentials where no header can be sent. It is good for minutes.
export const ticket = async (path) => (await post('/tickets', { path: path.startsWith(base) ? path : base + path })).url;

export const mailboxPath = (id) => `/mailboxes/${encodeURIComponent(id)}`;
export const messagePath = (m) => `${mailboxPath(m.mailbox)}/messages/${encodeURIComponent(m.id)}`;

// development reports whether the service is in development mode, where its secrets are public.
export async function development() {
  try {
    return (await fetch('/healthz')).headers.get('Voicemail-Development') === 'true';
  } catch {
    return false;
  }
}
