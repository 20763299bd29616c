/** Progress of long work; silent where nobody watches. */
export interface Progress {
  readonly show: (done: number, of: number) => void;
  /** Takes the bar away; may be repeated. */
  readonly clear: () => void;
}

const WIDTH = 30;
const EVERY_MS = 100;

/** A bar on a terminal; a pipe or a file gets nothing. */
export function progressBar(stream: NodeJS.WriteStream, what: string): Progress {
  if (!stream.isTTY) return { show: () => undefined, clear: () => undefined };
  const startedMs = performance.now();
  let shownMs = 0;
  let isShown = false;
  return {
    show(done, of) {
      const nowMs = performance.now();
      if (nowMs - shownMs < EVERY_MS && done < of) return;
      shownMs = nowMs;
      isShown = true;
      const share = of === 0 ? 1 : done / of;
      const rate = Math.round(done / Math.max(0.001, (nowMs - startedMs) / 1000));
      const bar = '█'.repeat(Math.round(share * WIDTH)).padEnd(WIDTH, '░');
      stream.write(`\r${bar} ${Math.floor(share * 100)} %  ${done} of ${of} ${what}, ${rate}/s\u001b[K`);
    },
    clear() {
      if (isShown) stream.write('\r\u001b[K');
      isShown = false;
    },
  };
}

/** Counts what comes where nobody knows how much it will be; a pipe or a file gets nothing. */
export function countingLine(
  stream: NodeJS.WriteStream,
  what: string,
): { readonly add: (count: number) => void; readonly clear: () => void } {
  if (!stream.isTTY) return { add: () => undefined, clear: () => undefined };
  let [total, shownMs] = [0, 0];
  return {
    add(count) {
      total += count;
      if (performance.now() - shownMs < EVERY_MS) return;
      shownMs = performance.now();
      stream.write(`\r${total.toLocaleString('en')} ${what}\u001b[K`);
    },
    clear: () => void stream.write('\r\u001b[K'),
  };
}
