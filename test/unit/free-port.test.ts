import { afterEach, describe, expect, it } from '@jest/globals';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { choosePort, PortTakenError, reservePort } from '../../src/local/free-port.js';

const servers: Server[] = [];

async function takePort(): Promise<number> {
  const server = createServer();
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

describe('choosing a port', () => {
  it('steps over a taken one where none was set', async () => {
    const taken = await takePort();
    const chosen = await choosePort({ purpose: 'a test', port: null, startAt: taken });
    expect(chosen).toBeGreaterThan(taken);
  });

  it('steps over one that is spoken for', async () => {
    const taken = await takePort();
    const first = await choosePort({ purpose: 'a test', port: null, startAt: taken });
    expect(await choosePort({ purpose: 'a test', port: null, startAt: taken, except: [first] })).toBeGreaterThan(first);
  });

  it('refuses a taken one that was set, and says what to do', async () => {
    const taken = await takePort();
    const choice = choosePort({ purpose: 'the sandbox', port: taken, startAt: 1 });
    await expect(choice).rejects.toThrow(PortTakenError);
    await expect(choice).rejects.toThrow(`Port ${taken} for the sandbox is taken`);
  });

  it('uses a free one that was set', async () => {
    const taken = await takePort();
    const free = await choosePort({ purpose: 'a test', port: null, startAt: taken });
    expect(await choosePort({ purpose: 'a test', port: free, startAt: 1 })).toBe(free);
  });
});

describe('a reserved port', () => {
  it('is held against everybody else until it is released', async () => {
    const held = await reservePort({ purpose: 'a test', port: null, startAt: 24_000 });
    expect(await choosePort({ purpose: 'a test', port: null, startAt: held.port })).toBeGreaterThan(held.port);
    await expect(choosePort({ purpose: 'a test', port: held.port, startAt: 1 })).rejects.toThrow(PortTakenError);
    await held.release();
    expect(await choosePort({ purpose: 'a test', port: held.port, startAt: 1 })).toBe(held.port);
  });
});
