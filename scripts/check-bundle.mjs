// Bundles the workflows from their source: fails where workflow code imports what it must not.
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';

const { code } = await bundleWorkflowCode({
  workflowInterceptorModules: [fileURLToPath(new URL('../workflows/traced.ts', import.meta.url))],
  workflowsPath: fileURLToPath(new URL('../workflows/index.ts', import.meta.url)),
  failureConverterPath: fileURLToPath(new URL('../src/temporal/failure-converter.ts', import.meta.url)),
  logger: new DefaultLogger('WARN'),
  webpackConfigHook: (config) => ({ ...config, resolve: { ...config.resolve, extensionAlias: { '.js': ['.ts', '.js'] } } }),
});
console.log(`the workflows bundle: ${(code.length / 1e6).toFixed(2)} MB`);
