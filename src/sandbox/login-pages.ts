import { createHash } from 'node:crypto';
import type { Person } from './people.js';

const style = `
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 36rem; margin: 2rem auto; padding: 0 1rem; }
button { font: inherit; text-align: left; width: 100%; padding: .75rem 1rem; margin: .25rem 0; border: 1px solid GrayText; border-radius: .5rem; background: Canvas; color: CanvasText; cursor: pointer; }
button span { display: block; }
ul { list-style: none; padding: 0; }
`;

/** Nothing but its own style; where its form leads afterwards is the client's address. */
export const pagePolicy = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; base-uri 'none'; frame-ancestors 'none'`;

/** Who do you want to be? */
export function loginPage(people: readonly Person[], wish: Readonly<Record<string, string>>): string {
  const fields = Object.entries(wish).map(([name, value]) => `<input type="hidden" name="${name}" value="${escaped(value)}">`);
  const choices = people.map(
    ({ id, name, role }) =>
      `<li><button name="person" value="${id}"><strong>${escaped(name)}</strong><span>${escaped(role)}</span></button></li>`,
  );
  return page(
    'Sign in to the sandbox',
    `<p>This issuer is part of the sandbox and guards nothing: choose who you want to be.</p>
<form method="post" action="authorize">
${fields.join('\n')}
<ul>${choices.join('\n')}</ul>
</form>`,
  );
}

/** @param why in words for whoever sets a client up */
export function refusalPage(why: string): string {
  return page('This login cannot begin', `<p>The client asked for it in a way that this issuer refuses:</p>\n<pre>${escaped(why)}</pre>`);
}

export const signedOutPage = page('You are signed out', '<p>You may close this page.</p>');

function page(title: string, main: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${style}</style>
</head>
<body>
<main>
<h1>${title}</h1>
${main}
</main>
</body>
</html>
`;
}

function escaped(words: string): string {
  return words.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
