import { describe, expect, it } from '@jest/globals';
import { table } from '../../src/cli/table.js';

describe('a table', () => {
  it('has columns as wide as their widest cell, numbers to the right, nothing where there is nothing to say', () => {
    const printed = table(
      ['attempt', 'result', 'http', 'ms'],
      [
        [1, 'retryable', 503, 12],
        [10, 'succeeded', null, 1234],
      ],
    );
    expect(printed.split('\n')).toEqual([
      'attempt  result     http    ms',
      '───────  ─────────  ────  ────',
      '      1  retryable   503    12',
      '     10  succeeded        1234',
    ]);
  });

  it('has words to the left, and numbers among words too', () => {
    expect(
      table(
        ['what', 'end'],
        [
          ['a', 'x'],
          [1, 'y'],
        ],
      )
        .split('\n')
        .slice(2),
    ).toEqual(['a     x', '1     y']);
  });

  it('ends no line in blanks', () => {
    expect(
      table(
        ['a', 'b'],
        [
          ['x', null],
          ['y', 'long'],
        ],
      ),
    ).not.toMatch(/ $/m);
  });

  it('is its headings where there are no rows', () => {
    expect(table(['a', 'bb'], [])).toBe('a  bb\n─  ──');
  });
});
