import { writeFile } from 'node:fs/promises';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { workflowBundles } from './worker.js';

// Run by the build, so that a start need not bundle; it also fails where workflow code imports what it must not.
// The plain one last: by its age it is told whether a build is of today.
for (const { path, sources } of [workflowBundles.traced, workflowBundles.plain]) {
  const { code } = await bundleWorkflowCode({ ...sources, logger: new DefaultLogger('WARN') });
  await writeFile(path, code);
}
