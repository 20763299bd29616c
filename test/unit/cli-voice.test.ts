import { spawnSync } from 'node:child_process';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { createVoice } from '../../src/cli/voice.js';

function stream(isTTY: boolean): NodeJS.WriteStream {
  return Object.assign(new PassThrough(), { isTTY, columns: 40 }) as unknown as NodeJS.WriteStream;
}

const written = (from: NodeJS.WriteStream): string => (from as unknown as PassThrough).read()?.toString() ?? '';
describe('the voice of a command', () => {
  it('has colours on a terminal alone, and none where NO_COLOR is set', () => {
    // In a process of its own: what Node itself reads of the environment no test here can change.
    const painted = (isTTY: boolean, environment: Readonly<Record<string, string>>): string => {
      const script = `
        const { PassThrough } = await import('node:stream');
        const { WriteStream } = await import('node:tty');
        const { createVoice } = await import('./src/cli/voice.ts');
        const { getColorDepth } = WriteStream.prototype;
        const stdout = Object.assign(new PassThrough(), { isTTY: ${isTTY}, getColorDepth });
        process.stdout.write(createVoice({ stdout, stderr: stdout }).paint(['bold', 'green'], 'done'));`;
      const env = { PATH: process.env.PATH ?? '', TERM: 'xterm', ...environment };
      return spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], { encoding: 'utf8', env }).stdout;
    };
    expect(painted(true, {})).toBe('\u001b[32m\u001b[1mdone\u001b[22m\u001b[39m');
    expect(painted(true, { NO_COLOR: '1' })).toBe('done');
    expect(painted(false, {})).toBe('done');
  });

  it('takes a passing line away before the next one, and never lets it wrap', () => {
    const [stdout, stderr] = [stream(true), stream(true)];
    const voice = createVoice({ stdout, stderr });
    voice.passing('x'.repeat(100));
    expect(written(stderr)).toBe('x'.repeat(39));
    voice.say('here');
    expect([written(stderr), written(stdout)]).toEqual(['\r\u001b[K', 'here\n']);
  });

  it('has no passing lines where nobody watches', () => {
    const [stdout, stderr] = [stream(false), stream(false)];
    createVoice({ stdout, stderr }).passing('attempt 2 in 5 s');
    expect([written(stderr), written(stdout)]).toEqual(['', '']);
  });
});
