import type { Outcome } from '../domain/outcome.js';
import { html, type Html } from './html.js';
import { outcomeTone, outcomeWords } from './words.js';

const BAR_WIDTH = 300;
const COLUMN_WIDTH = 60;
const PLOT_HEIGHT = 160;
/** Less could neither be seen nor hit. */
const THINNEST = 3;

interface Bar {
  readonly label: string;
  readonly count: number;
  /** The rows that it stands for. */
  readonly href: string;
}

/** Bars to scale, each a link to its rows; a table for whoever cannot see them. */
export function barChart({ id, title, bars }: { readonly id: string; readonly title: string; readonly bars: readonly Bar[] }): Html {
  const most = Math.max(1, ...bars.map(({ count }) => count));
  return html`<section class="chart" aria-labelledby="${id}">
    <h2 id="${id}">${title}</h2>
    ${
      bars.length === 0
        ? html`<p>None.</p>`
        : html`<table class="dense">
            <tbody>
              ${bars.map(
                ({ label, count, href }) =>
                  html`<tr>
                    <th scope="row"><a href="${href}">${label}</a></th>
                    <td class="count">${count}</td>
                    <td>
                      <a href="${href}" tabindex="-1" aria-hidden="true"
                        ><svg viewBox="0 0 ${BAR_WIDTH} 16" preserveAspectRatio="none">
                          <rect width="${Math.max(THINNEST, Math.round((count / most) * BAR_WIDTH))}" height="16" /></svg
                      ></a>
                    </td>
                  </tr>`,
              )}
            </tbody>
          </table>`
    }
  </section>`;
}

interface DayOutcome {
  readonly day: string;
  readonly outcome: Outcome;
  readonly count: number;
}

interface OutcomesChart {
  readonly days: readonly DayOutcome[];
  readonly hrefOf: (part: DayOutcome) => string;
}

/** How requests ended day by day: a column a day, its parts links to their rows; the same as a table below. */
export function outcomesChart({ days: parts, hrefOf }: OutcomesChart): Html {
  const days = [...new Set(parts.map(({ day }) => day))];
  const of = (day: string): DayOutcome[] => parts.filter((part) => part.day === day);
  const most = Math.max(1, ...days.map((day) => of(day).reduce((sum, { count }) => sum + count, 0)));
  return html`<section class="chart wide-chart" aria-labelledby="outcomes">
    <h2 id="outcomes">How requests ended, by day (UTC)</h2>
    ${
      days.length === 0
        ? html`<p>None has ended.</p>`
        : html`<svg
              class="columns-chart"
              aria-hidden="true"
              preserveAspectRatio="xMinYMax"
              viewBox="0 0 ${days.length * COLUMN_WIDTH} ${PLOT_HEIGHT}"
            >
              ${days.map((day, at) => column(of(day), { x: at * COLUMN_WIDTH, most, hrefOf }))}
            </svg>
            <table class="dense">
              <thead>
                <tr>
                  <th scope="col">Day</th>
                  <th scope="col">Outcome</th>
                  <th scope="col">Requests</th>
                </tr>
              </thead>
              <tbody>
                ${parts.map(
                  (part) =>
                    html`<tr>
                      <th scope="row">${part.day}</th>
                      <td><a href="${hrefOf(part)}">${outcomeWords[part.outcome]}</a></td>
                      <td class="count">${part.count}</td>
                    </tr>`,
                )}
              </tbody>
            </table>`
    }
  </section>`;
}

function column(
  parts: readonly DayOutcome[],
  { x, most, hrefOf }: { readonly x: number; readonly most: number; readonly hrefOf: OutcomesChart['hrefOf'] },
): Html[] {
  let top = PLOT_HEIGHT;
  return parts.map((part) => {
    const height = Math.max(THINNEST, (part.count / most) * (PLOT_HEIGHT - THINNEST * parts.length));
    top -= height;
    return html`<a href="${hrefOf(part)}" tabindex="-1"
      ><rect
        class="${outcomeTone[part.outcome]}"
        x="${x + 4}"
        y="${top.toFixed(1)}"
        width="${COLUMN_WIDTH - 8}"
        height="${height.toFixed(1)}"
      >
        <title>${part.day}, ${outcomeWords[part.outcome]}: ${part.count}</title>
      </rect></a
    >`;
  });
}
