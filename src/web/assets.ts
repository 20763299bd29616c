import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { Router } from 'express';
import { packageFolder } from '../package-folder.js';

/** A file that the pages refer to; its name changes with its content, so that a browser may keep it for good. */
export interface Asset {
  readonly path: string;
  readonly contentType: string;
  readonly bytes: Readonly<Record<Encoding, Buffer>>;
}

type Encoding = 'br' | 'gzip' | 'identity';

/**
 * What the pages need, read and compressed once.
 * @throws the system's error where a file is not there
 */
export function loadAssets() {
  return {
    style: asset('desk.css', 'text/css; charset=utf-8'),
    script: asset('desk.js', 'text/javascript; charset=utf-8'),
  } as const;
}

export type Assets = ReturnType<typeof loadAssets>;

function asset(name: string, contentType: string): Asset {
  const identity = readFileSync(join(packageFolder(), 'assets', name));
  const hash = createHash('sha256').update(identity).digest('hex').slice(0, 16);
  return {
    path: `/assets/${name.replace('.', `.${hash}.`)}`,
    contentType,
    bytes: { identity, br: brotliCompressSync(identity), gzip: gzipSync(identity) },
  };
}

/** Serves them to everybody: they tell nothing. */
export function assetRouter(assets: Assets): Router {
  const router = Router();
  for (const { path, contentType, bytes } of Object.values(assets)) {
    router.get(path, (request, response) => {
      const accepted = request.acceptsEncodings('br', 'gzip', 'identity');
      const encoding: Encoding = accepted === 'br' || accepted === 'gzip' ? accepted : 'identity';
      response.set({
        'content-type': contentType,
        'cache-control': 'public, max-age=31536000, immutable',
        vary: 'accept-encoding',
        ...(encoding !== 'identity' && { 'content-encoding': encoding }),
      });
      response.send(bytes[encoding]);
    });
  }
  return router;
}
