import { html, type Html } from './html.js';

const DAY_MS = 86_400_000;

/** A time as UTC for whoever has no script; in the viewer's zone, with UTC on hover, where there is one. */
export function timeOf(iso: string, show: 'date' | 'time' = 'date'): Html {
  const utc = `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`;
  return html`<time datetime="${iso}" title="${utc}" data-show="${show}">${show === 'date' ? utc : `${iso.slice(11, 19)} UTC`}</time>`;
}

/** When a day of UTC begins, or one some days later. What is no day goes on as it is, for the API to say so. */
export function dayStart(day: string, daysLater = 0): string {
  const time = /^\d{4}-\d\d-\d\d$/.test(day) ? Date.parse(`${day}T00:00:00Z`) : NaN;
  return Number.isNaN(time) ? day : new Date(time + daysLater * DAY_MS).toISOString();
}
