import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openFrontDoor, type FrontDoor } from '../support/front-door.js';

let door: FrontDoor;
let assets: string[];

beforeAll(async () => {
  // Nobody is asked who is reading, so the issuer may be away.
  door = await openFrontDoor({ issuerUrl: 'http://127.0.0.1:9' });
  const { text } = await door.send({ path: '/docs' });
  assets = [...text.matchAll(/(?:src|href)="(docs\/assets\/[^"]+)"/g)].map(([, path = '']) => `/${path}`);
});

afterAll(async () => {
  await door.close();
});

describe('the pages for people', () => {
  it.each(['/docs', '/docs/errors'])('%s is served without a token, under a policy that allows no inline script or style', async (path) => {
    const { httpStatus, headers } = await door.send({ path });
    expect([httpStatus, headers['content-type'], headers['cache-control']]).toEqual([200, 'text/html; charset=utf-8', 'no-cache']);
    const policy = String(headers['content-security-policy']);
    expect(policy).toMatch(/^default-src 'none'; /);
    expect(policy).not.toMatch(/unsafe|\*|https?:/);
  });

  it('name their assets after their content and let browsers keep them', async () => {
    expect(assets).toHaveLength(4);
    for (const path of assets) {
      const { httpStatus, headers, text } = await door.send({ path });
      expect([httpStatus, headers['cache-control']]).toEqual([200, 'public, max-age=31536000, immutable']);
      expect(headers['content-type']).toMatch(path.endsWith('.js') ? /^text\/javascript/ : /^text\/css/);
      expect(text.length).toBeGreaterThan(100);
      const fetched = path.endsWith('.css') ? [...text.matchAll(/(?:url\(|@import)\s*["']?(.{1,40})/g)].map(([, from = '']) => from) : [];
      expect(fetched.filter((from) => !from.startsWith('data:'))).toEqual([]);
    }
  });

  it('are not sent again to whoever has them', async () => {
    for (const path of ['/docs', '/docs/errors', ...assets]) {
      const first = await door.send({ path });
      const again = await door.send({ path, headers: { 'if-none-match': String(first.headers.etag) } });
      expect([again.httpStatus, again.text]).toEqual([304, '']);
    }
  });

  it('take GET and HEAD alone', async () => {
    for (const path of ['/docs', '/docs/errors', ...assets]) {
      for (const method of ['POST', 'PUT', 'DELETE']) {
        const { httpStatus, headers } = await door.send({ method, path });
        expect([path, httpStatus, headers.allow]).toEqual([path, 405, 'GET, HEAD']);
      }
      const head = await door.send({ method: 'HEAD', path });
      expect([head.httpStatus, head.text]).toEqual([200, '']);
    }
  });

  it('lead from /docs/ to /docs, and know no other file', async () => {
    const moved = await door.send({ path: '/docs/' });
    expect([moved.httpStatus, moved.headers.location]).toEqual([308, '../docs']);
    for (const path of [
      '/docs/assets/',
      '/docs/assets/../../package.json',
      '/docs/assets/%2e%2e/package.json',
      '/docs/assets/swagger-ui.js',
      '/docs/x',
    ]) {
      expect([path, (await door.send({ path })).httpStatus]).toEqual([path, 404]);
    }
  });

  it('reach neither the audit log nor Temporal', () => {
    expect(door.entered).toEqual([]);
  });
});
