import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';

const root = fileURLToPath(new URL('../..', import.meta.url));

// A process of its own: an error that nobody catches would end this one.
const script = `
  import { createTemporalClient } from './src/temporal/client.ts';
  const temporal = createTemporalClient({ address: '127.0.0.1:1', namespace: 'default', tls: undefined, apiKey: undefined });
  const call = temporal.client.workflowService.describeNamespace({ namespace: 'default' }).catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, 700));
  await temporal.close();
  await new Promise((resolve) => setTimeout(resolve, 1500));
  console.log('closed in peace');
`;

describe('the Temporal client', () => {
  it('closes in peace while Temporal is away and a call is being retried', async () => {
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await once(child, 'close');
    expect(output).toContain('closed in peace');
    expect(child.exitCode).toBe(0);
  });
});
