export default async function tearDown() {
  await globalThis.latchkeyTestHouse?.close();
}
