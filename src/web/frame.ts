import type { Assets } from './assets.js';
import { html, type Html } from './html.js';
import type { NavEntry } from './page.js';
import type { Session } from './sessions.js';

interface FrameParts {
  readonly assets: Assets;
  readonly navigation: readonly NavEntry[];
}

interface Framed {
  readonly title: string;
  readonly main: Html;
  /** Null: nobody is signed in. */
  readonly session: Session | null;
  /** The path that is shown, to mark its entry. */
  readonly path: string;
}

/** Draws what all pages have in common around what one page says. */
export type Frame = (framed: Framed) => string;

export function createFrame({ assets, navigation }: FrameParts): Frame {
  return ({ title, main, session, path }) =>
    html`<!doctype html>
      <html lang="en">
        <head>
          <meta charset="utf-8" />
          <meta name="viewport" content="width=device-width, initial-scale=1" />
          <meta name="color-scheme" content="light dark" />
          <title>${title} · Latchkey</title>
          <link rel="icon" href="data:," />
          <link rel="stylesheet" href="${assets.style.path}" />
          <script src="${assets.script.path}" defer></script>
        </head>
        <body>
          <a class="skip" href="#main">To the content</a>
          <header class="bar">
            <a class="brand" href="/">Latchkey</a>
            ${session === null ? null : signedIn(session, navigation, path)}
          </header>
          <main id="main" tabindex="-1">${main}</main>
        </body>
      </html> `.text;
}

function signedIn({ person, formToken }: Session, navigation: readonly NavEntry[], path: string): Html {
  const entries = navigation.filter(({ scope }) => person.scopes.includes(scope));
  return html`<nav aria-label="Desk">
      ${entries.map(({ href, label }) => html`<a href="${href}" ${href === path && html`aria-current="page"`}>${label}</a>`)}
    </nav>
    <form class="person" method="post" action="/sign-out">
      <span title="${person.id} of ${person.institutionId}">${person.name ?? person.id}</span>
      <input type="hidden" name="formToken" value="${formToken}" />
      <button class="quiet">Sign out</button>
    </form>`;
}
