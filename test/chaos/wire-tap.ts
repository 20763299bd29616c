import type { WirePut } from './evidence.js';

/** A witness on the way from the workers to the bank. */
export interface WireTap {
  readonly puts: readonly WirePut[];
  watch(chunk: Buffer): void;
}

const PUT_HEAD = /^PUT \S+:unlock-user HTTP\/1\.1\r\n([\s\S]*?)\r\n\r\n/;

/** Notes every unlock PUT as it comes by; the client sends its head in one piece, one request at a time. */
export function createWireTap(): WireTap {
  const puts: WirePut[] = [];
  return {
    puts,
    watch(chunk) {
      const head = PUT_HEAD.exec(chunk.toString('latin1'))?.[1];
      if (head === undefined) return;
      const correlationId = /^correlationId: *(\S+)/im.exec(head)?.[1];
      const transactionId = /^transactionId: *(\S+)/im.exec(head)?.[1];
      if (correlationId === undefined || transactionId === undefined) throw new Error(`an unlock PUT names no ids: ${head}`);
      puts.push({ correlationId, transactionId, seenAtMs: Date.now() });
    },
  };
}
