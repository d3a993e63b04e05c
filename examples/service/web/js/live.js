import { credentials, ticket } from './api.js';

const soon = 1000, late = 30000; // milliseconds

// listen calls onmailbox with what waits in each mailbox, first as it is and then whenever it changes, and onconnected when that begins (true) or stops (false) to be so. A ticket is good for one
// stream, so each begins with a new one.
export function listen(onmailbox, onconnected) {
  let wait = soon, source, timer, over = false;
  const again = () => {
    source?.close();
    onconnected(false);
    if (over || !credentials.get()) return;
    timer = setTimeout(open, wait * (0.5 + Math.random()));
    wait = Math.min(wait * 2, late);
  };
  const open = async () => {
    try {
      source = new EventSource(await ticket('/events'));
    } catch {
      again();
      return;
    }
    if (over) {
      source.close();
      return;
    }
    source.addEventListener('open', () => {
      wait = soon;
      onconnected(true);
    });
    source.addEventListener('mailbox', (e) => onmailbox(JSON.parse(e.data)));
    source.addEventListener('error', again);
  };
  open();
  return () => {
    over = true;
    clearTimeout(timer);
    source?.close();
  };
}
