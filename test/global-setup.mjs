import { tsImport } from 'tsx/esm/api';

export default async function setUp() {
  // Without this Ctrl-C would end Jest and leave the servers.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.once(signal, () => Promise.resolve(globalThis.latchkeyTestHouse?.close()).finally(() => process.exit(1)));
  }
  // Jest would load a TypeScript setup as CommonJS.
  const { openHouse } = await tsImport('./support/house.ts', import.meta.url);
  globalThis.latchkeyTestHouse = await openHouse();
}
