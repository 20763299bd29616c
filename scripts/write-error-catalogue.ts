// Run after a change of src/http/error-codes.ts: npm run write:errors
import { writeFileSync } from 'node:fs';
import { errorCatalogue } from './error-catalogue.js';

writeFileSync(new URL('../docs/errors.md', import.meta.url), errorCatalogue());
