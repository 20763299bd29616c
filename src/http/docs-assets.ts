import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** A file that the pages refer to; its name changes with its content, so that a browser may keep it for good. */
export interface Asset {
  /** Below the root of the front door. */
  readonly path: string;
  readonly contentType: string;
  readonly bytes: Buffer;
}

const SCRIPT = 'text/javascript; charset=utf-8';
const STYLE = 'text/css; charset=utf-8';

// No `url` or configuration is taken from the page's address, and nothing outside this origin is asked.
const start = `
window.addEventListener('DOMContentLoaded', () => {
  SwaggerUIBundle({
    url: 'openapi.json',
    dom_id: '#description',
    layout: 'BaseLayout',
    deepLinking: true,
    docExpansion: 'list',
    defaultModelsExpandDepth: 0,
    displayRequestDuration: true,
    validatorUrl: null,
    persistAuthorization: false,
  });
});
`;

const style = `
body { margin: 0; font: 16px/1.5 system-ui, sans-serif; color: #1f2733; background: #fafafa; }
.skip { position: absolute; left: -999px; }
.skip:focus { left: 1rem; top: 1rem; background: #fff; padding: .5rem; z-index: 1; }
nav { background: #1f2733; padding: .75rem 1.25rem; display: flex; gap: 1.25rem; }
nav a { color: #fff; }
.catalogue { max-width: 60rem; margin: 0 auto; padding: 0 1.25rem 3rem; }
.catalogue table { border-collapse: collapse; }
.catalogue th, .catalogue td { text-align: left; vertical-align: top; padding: .3rem .9rem .3rem 0; border-bottom: 1px solid #d5dae1; }
.catalogue section { border-top: 1px solid #d5dae1; padding: .25rem .75rem; margin-top: 1rem; }
.catalogue section:target { background: #fff6d6; }
.catalogue a { color: #0b57a4; }
.catalogue code, .catalogue pre { font-family: ui-monospace, monospace; font-size: .875rem; overflow-wrap: anywhere; }
.catalogue pre { background: #eef1f5; padding: .75rem; white-space: pre-wrap; }
`;

/**
 * What the pages need, read from the package that draws the API's description.
 * @throws the system's error where a file is not there
 */
export function loadDocsAssets() {
  const require = createRequire(import.meta.url);
  const packaged = (file: string): Buffer => readFileSync(require.resolve(`swagger-ui-dist/${file}`));
  return {
    uiScript: asset('swagger-ui', 'js', packaged('swagger-ui-bundle.js')),
    uiStyle: asset('swagger-ui', 'css', packaged('swagger-ui.css')),
    startScript: asset('start', 'js', Buffer.from(start.trimStart())),
    style: asset('docs', 'css', Buffer.from(style.trimStart())),
  } as const;
}

export type DocsAssets = ReturnType<typeof loadDocsAssets>;

function asset(name: string, kind: 'js' | 'css', bytes: Buffer): Asset {
  return { path: `/docs/assets/${name}.${fingerprint(bytes)}.${kind}`, contentType: kind === 'js' ? SCRIPT : STYLE, bytes };
}

/** Tells two contents apart, in an address or an entity tag. */
export function fingerprint(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 16);
}
