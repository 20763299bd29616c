import type { DocsAssets } from './docs-assets.js';
import { dropInCode, errorCodes, problemType, type ErrorCode, type ErrorKind } from './error-codes.js';
import { exampleBankError, exampleProblem } from './example-errors.js';

interface Page {
  readonly title: string;
  /** From the page's own address back to the root, so that a prefix before the front door does no harm. */
  readonly root: string;
  readonly styles: readonly string[];
  readonly scripts: readonly string[];
  readonly main: string;
}

function page({ title, root, styles, scripts, main }: Page): string {
  const link = (path: string): string => `${root}${path.slice(1)}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="data:,">
${styles.map((path) => `<link rel="stylesheet" href="${link(path)}">`).join('\n')}
${scripts.map((path) => `<script src="${link(path)}" defer></script>`).join('\n')}
</head>
<body>
<a class="skip" href="#main">To the content</a>
<nav aria-label="Documentation"><a href="${link('/docs')}">API</a><a href="${link('/docs/errors')}">Error codes</a><a href="${link('/openapi.json')}">OpenAPI</a></nav>
${main}
</body>
</html>
`;
}

/** The API's description, drawn in the browser from `/openapi.json`. */
export function descriptionPage({ uiScript, uiStyle, startScript, style }: DocsAssets): string {
  return page({
    title: 'Latchkey API',
    root: '',
    styles: [uiStyle.path, style.path],
    scripts: [uiScript.path, startScript.path],
    main: '<div id="main"><div id="description"></div></div>\n<noscript><p>This page needs JavaScript. The same is told, for programs, by <a href="openapi.json">openapi.json</a>.</p></noscript>',
  });
}

/** The catalogue of error codes; each has an anchor, to which the `type` of its problem details leads. */
export function errorsPage({ style }: DocsAssets): string {
  const kinds: readonly (readonly [string, ErrorKind])[] = Object.entries(errorCodes);
  const rows = kinds.map(
    ([code, { httpStatus, title }]) =>
      `<tr><td>${httpStatus}</td><td><a href="#${code}"><code>${code}</code></a></td><td>${text(title)}</td></tr>`,
  );
  return page({
    title: 'Latchkey error codes',
    root: '../',
    styles: [style.path],
    scripts: [],
    main: `<main id="main" class="catalogue">
<h1>Error codes</h1>
<p>Programs should look at <code>code</code>: it is stable, the words may change. Errors are problem details (RFC 9457); the drop-in endpoint answers the
same errors in the bank’s own shape, with the code in capitals after <code>LATCHKEY_</code>. Codes without it are the bank’s own.</p>
<table>
<thead><tr><th scope="col">Status</th><th scope="col">Code</th><th scope="col">What it says</th></tr></thead>
<tbody>
${rows.join('\n')}
</tbody>
</table>
${errorCodeNames().map(section).join('\n')}
</main>`,
  });
}

/** The codes in the order of the catalogue. */
export function errorCodeNames(): ErrorCode[] {
  const known = (name: string): name is ErrorCode => Object.hasOwn(errorCodes, name);
  return Object.keys(errorCodes).filter(known);
}

function section(code: ErrorCode): string {
  const { httpStatus, title, meaning, remedy, only }: ErrorKind = errorCodes[code];
  const problem = only === 'drop-in' ? [] : [['As problem details', exampleProblem(code, '/v1/unlocks').value] as const];
  const bank = only === 'others' ? [] : [['In the drop-in', exampleBankError(code).value] as const];
  const examples = [...problem, ...bank].map(([where, value]) => `<p>${where}:</p>\n<pre>${text(JSON.stringify(value, null, 2))}</pre>`);
  const names = [...(only === 'drop-in' ? [] : [code]), ...(only === 'others' ? [] : [dropInCode(code)])];
  return `<section id="${code}" aria-labelledby="${code}-title">
<h2 id="${code}-title">${httpStatus} ${text(title)}</h2>
<p>${names.map((name) => `<code>${name}</code>`).join(' · ')} · <a href="${problemType(code).replace(/^.*#/, '#')}">link</a></p>
<p>${prose(meaning)}</p>
<p><strong>What to do:</strong> ${prose(remedy)}</p>
${examples.join('\n')}
</section>`;
}

function prose(words: string): string {
  return text(words).replace(/`([^`]+)`/g, '<code>$1</code>');
}

function text(words: string): string {
  return words.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
