import { html, type Html } from './html.js';

/** One of some values, or any, as a field of a filter's form. */
export function choice<Name extends string>(
  name: string,
  label: string,
  chosen: string,
  values: readonly Name[],
  words: Readonly<Record<Name, string>>,
): Html {
  return html`<div>
    <label for="${name}">${label}</label>
    <select id="${name}" name="${name}">
      <option value="">Any</option>
      ${values.map((value) => html`<option value="${value}" ${value === chosen && html`selected`}>${words[value]}</option>`)}
    </select>
  </div>`;
}

/** From which day to which a list goes, as two fields. */
export function dayFields({ from, to }: { readonly from: string; readonly to: string }): Html {
  return html`<div>
      <label for="from">From (UTC)</label>
      <input id="from" name="from" type="date" value="${from}" />
    </div>
    <div>
      <label for="to">To (UTC)</label>
      <input id="to" name="to" type="date" value="${to}" />
    </div>`;
}
