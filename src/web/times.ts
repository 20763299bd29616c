import { html, type Html } from './html.js';

/** A time as UTC for whoever has no script; in the viewer's zone, with UTC on hover, where there is one. */
export function timeOf(iso: string, show: 'date' | 'time' = 'date'): Html {
  const utc = `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`;
  return html`<time datetime="${iso}" title="${utc}" data-show="${show}">${show === 'date' ? utc : `${iso.slice(11, 19)} UTC`}</time>`;
}
