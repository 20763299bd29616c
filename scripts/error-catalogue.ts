import { errorCodeNames } from '../src/http/docs-pages.js';
import { dropInCode, errorCodes, type ErrorCode, type ErrorKind } from '../src/http/error-codes.js';
import { exampleBankError, exampleProblem } from '../src/http/example-errors.js';

/** `docs/errors.md`: the catalogue of error codes for those who read the repository; the front door serves the same at `/docs/errors`. */
export function errorCatalogue(): string {
  const codes = errorCodeNames();
  return `# Error codes

<!-- Written by \`npm run write:errors\` from src/http/error-codes.ts; a test holds them against each other. -->

Programs should look at \`code\`: it is stable, the words may change. Errors are problem details (RFC 9457) whose \`type\` leads to the entry in this
catalogue, which the front door serves at \`/docs/errors\`. The drop-in endpoint answers the same errors in the bank's own shape
\`{status, message, code}\`, with the code in capitals after \`LATCHKEY_\`; codes without it are the bank's own, as recorded.

| status | code | in the drop-in | it says |
|---|---|---|---|
${codes.map(row).join('\n')}

${codes.map(section).join('\n\n')}
`;
}

function row(code: ErrorCode): string {
  const { httpStatus, title, only }: ErrorKind = errorCodes[code];
  const problem = only === 'drop-in' ? '–' : `\`${code}\``;
  const bank = only === 'others' ? '–' : `\`${dropInCode(code)}\``;
  return `| ${httpStatus} | ${problem} | ${bank} | [${title}](#${code}) |`;
}

function section(code: ErrorCode): string {
  const { httpStatus, title, meaning, remedy, only }: ErrorKind = errorCodes[code];
  const example = only === 'drop-in' ? exampleBankError(code) : exampleProblem(code, '/v1/unlocks');
  return `<a id="${code}"></a>

## ${httpStatus} ${title}

${meaning}

**What to do:** ${remedy}

\`\`\`json
${JSON.stringify(example.value, null, 2)}
\`\`\``;
}
