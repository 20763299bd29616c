import { describe, expect, it } from '@jest/globals';
import { createWaits } from '../../src/http/waits.js';

const caller = (id: string, clientId = 'desk') => ({ id, clientId });

describe('places for answers that are held back', () => {
  it('are bounded for one caller, and for all together', () => {
    const waits = createWaits({ max: 3, maxPerCaller: 2 });
    expect(waits.take(caller('ann'))).not.toBeNull();
    expect(waits.take(caller('ann'))).not.toBeNull();
    expect(waits.take(caller('ann'))).toBeNull();
    expect(waits.take(caller('ann', 'another-desk'))).not.toBeNull();
    expect(waits.take(caller('bob'))).toBeNull();
  });

  it('are free again once they are given back', () => {
    const waits = createWaits({ max: 1, maxPerCaller: 1 });
    for (let round = 0; round < 3; round += 1) {
      const leave = waits.take(caller('ann'));
      expect(waits.take(caller('bob'))).toBeNull();
      leave?.();
    }
  });
});
