import { credentials, development, get, onRefused } from './api.js';
import { $, h, show } from './dom.js';

// Whose secrets the service prints in development mode.
const demo = { agent7: 'dev-agent7', agent8: 'dev-agent8', officer: 'dev-officer' };

// signedIn resolves with who is signed in, as soon as somebody is. The page is shown for them, and anew for somebody else.
export function signedIn() {
  return new Promise((resolve) => {
    const enter = async () => {
      const me = await get('/me');
      onRefused(signOut);
      show($('sign-in'));
      show($('banner'), me.banner);
      show($('account'), links(me), h('span', { class: 'user' }, me.user || me.name), h('button', { class: 'quiet', onclick: signOut }, 'Sign out'));
      resolve(me);
    };
    if (!credentials.get()) {
      ask(enter);
      return;
    }
    enter().catch((err) => ask(enter, err.status === 401 ? 'You were signed out.' : err.message));
  });
}

function signOut() {
  credentials.forget();
  location.reload();
}

function links(me) {
  const here = location.pathname;
  const link = (href, text) => h('a', { href, 'aria-current': here === href && 'page' }, text);
  return me.officer && h('nav', { 'aria-label': 'Pages' }, link('/', 'Inbox'), link('/privacy.html', 'Privacy'));
}

async function ask(enter, said = '') {
  const problem = h('p', { class: 'notice', role: 'alert', hidden: true });
  const user = h('input', { id: 'user', autocomplete: 'username', spellcheck: 'false', maxlength: 200 });
  const secret = h('input', { id: 'secret', type: 'password', autocomplete: 'current-password', required: true, maxlength: 8000 });
  const form = h('form', {},
    h('h2', {}, 'Sign in'), problem,
    h('label', { for: 'user' }, 'User ', h('small', {}, 'leave it empty to sign in with a token')), user,
    h('label', { for: 'secret' }, 'Password or token'), secret,
    h('button', { class: 'primary' }, 'Sign in'));
  const attempt = async () => {
    try {
      await enter();
    } catch (err) {
      credentials.forget();
      show(problem, err.message);
    }
  };
  form.addEventListener('submit', async (e) => {
    e.preventDefault();
    if (user.value) credentials.basic(user.value, secret.value);
    else credentials.bearer(secret.value.trim());
    await attempt();
  });
  show(problem, said);
  show($('sign-in'), form);
  (said ? secret : user).focus();
  if (await development()) {
    form.append(h('p', { class: 'demo' }, 'Development: ', Object.entries(demo).map(([name, value]) =>
      h('button', { type: 'button', onclick: () => { user.value = ''; secret.value = value; form.requestSubmit(); } }, name))));
  }
}
