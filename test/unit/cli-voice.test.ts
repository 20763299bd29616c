import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, it } from '@jest/globals';
import { createVoice } from '../../src/cli/voice.js';

function stream(isTTY: boolean): NodeJS.WriteStream {
  return Object.assign(new PassThrough(), { isTTY, columns: 40 }) as unknown as NodeJS.WriteStream;
}

const written = (from: NodeJS.WriteStream): string => (from as unknown as PassThrough).read()?.toString() ?? '';
const { NO_COLOR } = process.env;
afterEach(() => {
  delete process.env.NO_COLOR;
  if (NO_COLOR !== undefined) process.env.NO_COLOR = NO_COLOR;
});

describe('the voice of a command', () => {
  it('has colours on a terminal alone, and none where NO_COLOR is set', () => {
    delete process.env.NO_COLOR;
    const onTerminal = createVoice({ stdout: stream(true), stderr: stream(true) });
    expect(onTerminal.paint(['bold', 'green'], 'done')).toBe('\u001b[32m\u001b[1mdone\u001b[22m\u001b[39m');
    expect(createVoice({ stdout: stream(false), stderr: stream(true) }).paint(['bold', 'green'], 'done')).toBe('done');
    process.env.NO_COLOR = '1';
    expect(onTerminal.paint(['bold', 'green'], 'done')).toBe('done');
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
