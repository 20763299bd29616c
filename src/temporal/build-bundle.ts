import { writeFile } from 'node:fs/promises';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { bundlePaths } from './worker.js';

// Run by the build, so that a start need not bundle; it also fails where workflow code imports what it must not.
const { code } = await bundleWorkflowCode({ ...bundlePaths.sources, logger: new DefaultLogger('WARN') });
await writeFile(bundlePaths.bundle, code);
