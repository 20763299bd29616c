import { fingerprint, loadDocsAssets, type Asset } from './docs-assets.js';
import { descriptionPage, errorsPage } from './docs-pages.js';
import type { Answer, Route } from './route.js';

const NOTHING_ELSE = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/** Only what this origin serves; images of the style sheet's own stand in it as data. */
const DESCRIPTION_POLICY = `default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; ${NOTHING_ELSE}`;
const ERRORS_POLICY = `default-src 'none'; style-src 'self'; img-src data:; ${NOTHING_ELSE}`;

/** The pages for people: the API's description and the catalogue of error codes, with all that they need. */
export function docsRoutes(): Route[] {
  const assets = loadDocsAssets();
  return [
    forPeople('/docs', html(descriptionPage(assets), DESCRIPTION_POLICY)),
    forPeople('/docs/', { httpStatus: 308, headers: { location: '../docs' } }),
    forPeople('/docs/errors', html(errorsPage(assets), ERRORS_POLICY)),
    ...Object.values(assets).map((asset) => forPeople(asset.path, kept(asset))),
  ];
}

function forPeople(path: string, answer: Answer): Route {
  return { method: 'get', path, scope: 'public', body: 'none', errorShape: 'problem', operation: null, handle: async () => answer };
}

function html(page: string, policy: string): Answer {
  const file = Buffer.from(page);
  const headers = {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': policy,
    'cache-control': 'no-cache',
    etag: `"${fingerprint(file)}"`,
  };
  return { httpStatus: 200, headers, file };
}

function kept({ contentType, bytes }: Asset): Answer {
  const headers = { 'content-type': contentType, 'cache-control': 'public, max-age=31536000, immutable', etag: `"${fingerprint(bytes)}"` };
  return { httpStatus: 200, headers, file: bytes };
}
