import { tsImport } from 'tsx/esm/api';

// Jest would load a TypeScript setup as CommonJS.
export default async function setUp() {
  const { openHouse } = await tsImport('./support/house.ts', import.meta.url);
  globalThis.latchkeyTestHouse = await openHouse();
}
