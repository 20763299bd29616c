// Run after a change of the dependencies: npm run write:licences
import { writeFileSync } from 'node:fs';
import { licencesPage } from './licences.js';

writeFileSync(new URL('../docs/licences.md', import.meta.url), licencesPage());
