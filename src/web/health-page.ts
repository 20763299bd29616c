import { outcomes } from '../domain/outcome.js';
import { healthSummarySchema, type HealthSummary } from '../http/answer-schemas.js';
import { html, type Html } from './html.js';
import type { Page, PersonalVisit, Reply } from './page.js';
import { timeOf } from './times.js';
import { attemptResultWords, durationWords, outcomeTone, outcomeWords, partWords } from './words.js';

export const HEALTH_SCOPE = 'unlocks:operate';
const REFRESH_MS = 10_000;

/** How the institution's unlocks fare, at a glance. */
export function healthPages(): Page[] {
  async function show({ ask }: PersonalVisit): Promise<Reply> {
    const { body } = await ask({ method: 'get', route: '/v1/health-summary' });
    return { kind: 'page', title: 'Health', main: healthMain(healthSummarySchema.parse(body)) };
  }

  return [{ method: 'get', path: '/health', access: HEALTH_SCOPE, handle: show }];
}

interface Tile {
  readonly id: string;
  readonly label: string;
  readonly value: string | number;
  /** The list that shows it; null: there is none. */
  readonly href: string | null;
  readonly tone?: 'good' | 'bad' | 'plain';
}

function healthMain(summary: HealthSummary): Html {
  const { at, running, lastHour, parts } = summary;
  const complete = running.complete && lastHour.complete;
  return html`<h1>Health</h1>
    <p class="sr" role="status" id="said"></p>
    <div id="live" data-state="running" data-every="${REFRESH_MS}" data-now="${at}">
      <p class="faint">
        As of ${timeOf(at, 'time')}; drawn anew every ${REFRESH_MS / 1000} seconds. A number leads to the requests behind it.
      </p>
      <p class="fault" id="unheard" hidden>This page hears nothing new at the moment. <a href="/health">Load it again</a>.</p>
      ${!complete && html`<p class="note">There is more than one look takes in: the numbers are those of the newest requests.</p>`}
      <h2>Under way</h2>
      ${tiles(underWay(summary))}
      <h2>Requests that ended in the last hour</h2>
      ${tiles(ended(summary))}
      <h2>The bank in the last hour</h2>
      ${tiles(bank(summary))}
      <h2>The house</h2>
      ${tiles([...parts.map(({ part, ready }) => partTile(part, ready)), seal(summary)])}
    </div>`;
}

function underWay({ at, running }: HealthSummary): Tile[] {
  const { oldest } = running;
  const all = '/unlocks?state=running';
  return [
    { id: 'running', label: 'All of them', value: running.count, href: all },
    { id: 'retry', label: 'Wait to be tried again', value: running.waitingForRetry, href: all },
    { id: 'paused', label: 'Paused by somebody', value: running.paused, href: all },
    { id: 'approval', label: 'Wait for a second person', value: running.waitingForApproval, href: '/unlocks?approval=waiting' },
    {
      id: 'oldest',
      label: 'The oldest, asked for',
      value: oldest === null ? 'none' : `${durationWords(Date.parse(at) - Date.parse(oldest.requestedAt))} ago`,
      href: oldest === null ? null : `/unlocks/${oldest.correlationId}`,
    },
  ];
}

function ended({ lastHour }: HealthSummary): Tile[] {
  return outcomes.map((outcome): Tile => {
    const value = lastHour.outcomes[outcome] ?? 0;
    const href = `/unlocks?outcome=${outcome}&from=${dayOf(lastHour.since)}`;
    return { id: outcome, label: outcomeWords[outcome], value, href, tone: value === 0 ? 'plain' : outcomeTone[outcome] };
  });
}

function bank({ lastHour }: HealthSummary): Tile[] {
  const { attempts, bankErrorRate, since } = lastHour;
  const href = `/unlocks?from=${dayOf(since)}`;
  return [
    {
      id: 'errors',
      label: 'Attempts that the bank could not do, or left without a usable answer',
      value: bankErrorRate === null ? 'no attempt' : `${(bankErrorRate * 100).toFixed(bankErrorRate < 0.1 ? 1 : 0)} %`,
      href,
      tone: bankErrorRate === null || bankErrorRate === 0 ? 'plain' : 'bad',
    },
    ...Object.entries(attempts).map(([result, value]): Tile => ({
      id: `attempts-${result}`,
      label: attemptResultWords(result),
      value,
      href,
    })),
  ];
}

function partTile(part: string, ready: boolean): Tile {
  return {
    id: `part-${part}`,
    label: partWords(part),
    value: ready ? 'is there' : 'is not there',
    href: null,
    tone: ready ? 'good' : 'bad',
  };
}

function seal({ sealing: { checkpointAt, newestRowAt, behindMs } }: HealthSummary): Tile {
  const nothing = newestRowAt === null ? 'nothing to seal' : 'not sealed yet';
  const behind = behindMs === 0 ? 'up to date' : `${durationWords(behindMs ?? 0)} behind`;
  return {
    id: 'seal',
    label: 'The seal of the audit log',
    value: checkpointAt === null || behindMs === null ? nothing : behind,
    href: null,
  };
}

/** The list's filter goes by whole days of UTC. */
function dayOf(iso: string): string {
  return iso.slice(0, 10);
}

function tiles(all: readonly Tile[]): Html {
  return html`<dl class="tiles">
    ${all.map(
      ({ id, label, value, href, tone = 'plain' }) =>
        html`<div class="${tone}">
          <dt>${label}</dt>
          <dd>${href === null ? html`<span id="n-${id}">${value}</span>` : html`<a id="n-${id}" href="${href}">${value}</a>`}</dd>
        </div>`,
    )}
  </dl>`;
}
