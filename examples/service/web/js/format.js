const time = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const day = new Intl.DateTimeFormat(undefined, { weekday: 'short', hour: '2-digit', minute: '2-digit' });
const date = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', year: 'numeric' });
export const moment = (iso) => new Intl.DateTimeFormat(undefined, { dateStyle: 'long', timeStyle: 'short' }).format(new Date(iso));

const midnight = (d, days) => new Date(d.getFullYear(), d.getMonth(), d.getDate() + days);

// when is as short as can be understood now.
export function when(iso, now = new Date()) {
  const t = new Date(iso);
  if (t >= midnight(now, 0)) return time.format(t);
  if (t >= midnight(now, -1)) return `Yesterday ${time.format(t)}`;
  if (t >= midnight(now, -6)) return day.format(t);
  return date.format(t);
}

// clock is a length as players show it: 0:07.
export function clock(seconds) {
  const s = Math.max(0, Math.round(seconds));
  return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, '0')}`;
}

// spoken is a length as it is said.
export function spoken(seconds) {
  const s = Math.max(0, Math.round(seconds));
  const minutes = Math.floor(s / 60);
  return [minutes && count(minutes, 'minute'), (s % 60 || !minutes) && count(s % 60, 'second')].filter(Boolean).join(' ');
}

// left is how long it is until a time: 19 h 29 min, and with seconds in the last hour.
export function left(iso, now = new Date()) {
  const s = Math.max(0, Math.floor((new Date(iso) - now) / 1000));
  const hours = Math.floor(s / 3600), minutes = Math.floor(s / 60) % 60;
  if (hours >= 48) return `${Math.floor(hours / 24)} days`;
  return hours ? `${hours} h ${minutes} min` : `${minutes} min ${s % 60} s`;
}

export const count = (n, noun) => `${n} ${noun}${n === 1 ? '' : 's'}`;

// caller is who called: a name if there is one, and the number.
export function caller(party) {
  if (party.withheld || !party.number) return { name: party.name || 'Withheld number', number: '' };
  return party.name ? { name: party.name, number: party.number } : { name: party.number, number: '' };
}
