import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { errorCatalogue } from '../../scripts/error-catalogue.js';
import { loadDocsAssets } from '../../src/http/docs-assets.js';
import { errorCodeNames, errorsPage } from '../../src/http/docs-pages.js';
import { dropInCode, errorCodes, problemType, type ErrorKind } from '../../src/http/error-codes.js';
import { exampleProblem } from '../../src/http/example-errors.js';
import { problemSchema } from '../../src/http/problem.js';

const page = errorsPage(loadDocsAssets());

describe('the catalogue of error codes', () => {
  it('stands in docs/errors.md as the code has it (npm run write:errors)', () => {
    expect(readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')).toBe(errorCatalogue());
  });

  it.each(errorCodeNames())('has an entry for %s, to which its type leads', (code) => {
    const [path, anchor] = problemType(code).split('#');
    expect([path, page.split(`id="${anchor}"`).length]).toEqual(['/docs/errors', 2]);
    const { only }: ErrorKind = errorCodes[code];
    expect(page.includes(`<code>${dropInCode(code)}</code>`)).toBe(only !== 'others');
  });

  it('says what to do in a sentence', () => {
    for (const { meaning, remedy } of Object.values(errorCodes))
      expect([meaning, remedy]).toEqual([expect.stringMatching(/\.$/), expect.stringMatching(/\.$/)]);
  });

  it('shows examples that are problem details', () => {
    for (const code of errorCodeNames()) {
      expect(problemSchema.parse(exampleProblem(code, '/v1/unlocks').value)).toMatchObject({
        code,
        type: problemType(code),
        status: errorCodes[code].httpStatus,
      });
    }
  });
});
