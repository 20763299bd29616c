// The bill of materials of the production image: npm run write:sbom -- FILE
import { writeFileSync } from 'node:fs';
import { productionSbom } from './sbom.js';

const [, , file = 'dist/sbom.cdx.json'] = process.argv;
writeFileSync(file, `${JSON.stringify(productionSbom(), null, 2)}\n`);
