import type { HttpLog, ReadinessCheck } from './settings.js';

interface ReadinessParts {
  readonly readiness: readonly ReadinessCheck[];
  readonly log: HttpLog;
  readonly draining: AbortSignal;
}

/** Looks which of the parts are there without which requests cannot be served. */
export type LookAtParts = () => Promise<{ readonly part: string; readonly ready: boolean }[]>;

const CHECK_TIMEOUT_MS = 2_000;

export function createLookAtParts({ readiness, log, draining }: ReadinessParts): LookAtParts {
  async function isReady({ part, check }: ReadinessCheck): Promise<boolean> {
    try {
      await withinTime(check());
      return true;
    } catch (error) {
      log.warn({ err: error, part }, 'not ready');
      return false;
    }
  }

  async function lookAtAll() {
    const parts = await Promise.all(readiness.map(async (each) => ({ part: each.part, ready: await isReady(each) })));
    if (draining.aborted) parts.push({ part: 'process', ready: false });
    return parts;
  }

  // Nobody needs a token to ask, so many who ask at once share one look.
  let looking: ReturnType<LookAtParts> | null = null;
  return () => {
    looking ??= lookAtAll().finally(() => {
      looking = null;
    });
    return looking;
  };
}

async function withinTime(work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${CHECK_TIMEOUT_MS} ms`)), CHECK_TIMEOUT_MS);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
