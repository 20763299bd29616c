import { describe, expect, it } from '@jest/globals';
import { createClosers } from '../../src/cli/closers.js';

function house() {
  const seen: string[] = [];
  const closers = createClosers((name, error) => seen.push(`${name} failed: ${error instanceof Error ? error.message : String(error)}`));
  const add = (name: string, stop: () => Promise<void> = async () => undefined) =>
    closers.add(
      name,
      async () => {
        seen.push(`${name} stops`);
        await stop();
        seen.push(`${name} stopped`);
      },
      () => seen.push(`${name} killed`),
    );
  return { seen, closers, add };
}

describe('what was started', () => {
  it('is stopped in the opposite order, each only when the one before it has stopped', async () => {
    const { seen, closers, add } = house();
    for (const name of ['database', 'worker', 'front door']) add(name, () => new Promise((resolve) => setImmediate(resolve)));
    await closers.closeAll();
    expect(seen).toEqual([
      'front door stops',
      'front door stopped',
      'worker stops',
      'worker stopped',
      'database stops',
      'database stopped',
    ]);
  });

  it('is stopped although another one fails to, and that is reported', async () => {
    const { seen, closers, add } = house();
    add('database');
    add('worker', () => Promise.reject(new Error('stuck')));
    await closers.closeAll();
    expect(seen).toEqual(['worker stops', 'worker failed: stuck', 'database stops', 'database stopped']);
  });

  it('is stopped once, however often it is asked for', async () => {
    const { seen, closers, add } = house();
    add('database', () => new Promise((resolve) => setImmediate(resolve)));
    await Promise.all([closers.closeAll(), closers.closeAll()]);
    await closers.closeAll();
    expect(seen).toEqual(['database stops', 'database stopped']);
  });

  it('is stopped too where it was started while the others were stopping', async () => {
    const { seen, closers, add } = house();
    add('database', async () => add('late comer'));
    await closers.closeAll();
    expect(seen).toEqual(['database stops', 'database stopped', 'late comer stops', 'late comer stopped']);
  });

  it('is killed at once where there is no time, newest first, if it still runs', async () => {
    const { seen, closers, add } = house();
    let release = () => {};
    add('database', () => new Promise((resolve) => (release = resolve)));
    add('worker');
    const closing = closers.closeAll();
    await new Promise((resolve) => setImmediate(resolve));
    closers.killAll();
    expect(seen).toEqual(['worker stops', 'worker stopped', 'database stops', 'database killed']);
    release();
    await closing;
  });

  it('need not be killed where it ends with this process', () => {
    const closers = createClosers(() => undefined);
    closers.add('front door', async () => undefined);
    expect(() => closers.killAll()).not.toThrow();
  });
});
