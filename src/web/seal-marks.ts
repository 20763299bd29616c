import type { Seal } from './audit-seal.js';
import { html, type Html } from './html.js';

type State = Seal['state'];

const markWords: Readonly<Record<State, string>> = {
  sealed: 'Sealed',
  waiting: 'Waiting to be sealed',
  broken: 'Broken',
  unchecked: 'Not checked',
};

/** The worst one first: a case is worth what its worst row is worth. */
const worstFirst: readonly State[] = ['broken', 'unchecked', 'waiting', 'sealed'];

const tones: Readonly<Record<State, 'good' | 'bad' | 'plain'>> = { sealed: 'good', waiting: 'plain', broken: 'bad', unchecked: 'plain' };

/** The mark of one row; where it stands in the log, or what is wrong, beside it. */
export function sealMark(seal: Seal): Html {
  const more = seal.state === 'sealed' ? `leaf ${seal.leafIndex}` : 'why' in seal ? seal.why : '';
  return html`<span class="seal ${tones[seal.state]}" data-seal="${seal.state}">${markWords[seal.state]}</span>
    ${more !== '' && html`<span class="faint">${more}</span>`}`;
}

/** The mark of a whole case, what it means and what to do. */
export function caseSeal(correlationId: string, seals: readonly Seal[]): Html {
  const worst = worstFirst.find((state) => seals.some((seal) => seal.state === state)) ?? 'unchecked';
  const count = (state: State): number => seals.filter((seal) => seal.state === state).length;
  return html`<section class="verdict ${tones[worst]}" aria-labelledby="seal" data-case-seal="${worst}">
      <h2 id="seal">${worst === 'broken' ? 'The seal is broken' : markWords[worst]}</h2>
    </section>
    <p>${meaning(worst, { all: seals.length, these: count(worst) })}</p>
    ${worst === 'waiting' && html`<p><a href="/audit/cases/${correlationId}">Look again</a></p>`}`;
}

function meaning(state: State, { all, these }: { readonly all: number; readonly these: number }): string {
  switch (state) {
    case 'sealed':
      return `Checked just now: all ${all} rows are what was sealed, under a checkpoint that a trusted key has signed.`;
    case 'waiting':
      return `${these} of ${all} rows are not sealed yet: nothing vouches for them so far. That takes a few seconds. If it stays so, tell the operators of Latchkey: the sealer does not run, or something is missing.`;
    case 'broken':
      return `${these} of ${all} rows are not what was sealed, or their seal is not what was signed: somebody has changed them, or they are damaged. Rely on nothing below. Tell whoever answers for the audit log at once; "latchkey audit verify" names what is wrong.`;
    case 'unchecked':
      return `${these} of ${all} rows could not be checked now; beside each stands why.`;
  }
}
