import { isGrpcServiceError, type Client } from '@temporalio/client';

/** Which build of Latchkey a worker is, where several may run side by side (Temporal's Worker Versioning). */
export interface WorkerVersion {
  readonly deploymentName: string;
  readonly buildId: string;
}

const NOT_FOUND = 5;
const FAILED_PRECONDITION = 9;
/** A worker that has just begun to poll is known to the server some moments later. */
const KNOWN_WITHIN_MS = 60_000;
const AGAIN_MS = 500;

/**
 * Makes a version the current one of its deployment: new workflows go to it from now on, those that run follow with their next task.
 * May be repeated.
 * @param buildId null: the workers without a version
 * @throws Error where no worker of that version polls within a minute, or not on every queue that the current version polls
 */
export async function setCurrentVersion(
  client: Client,
  { deploymentName, buildId }: { readonly deploymentName: string; readonly buildId: string | null },
): Promise<void> {
  const { namespace, identity } = client.options;
  const untilMs = performance.now() + KNOWN_WITHIN_MS;
  for (;;) {
    try {
      await client.workflowService.setWorkerDeploymentCurrentVersion({ namespace, identity, deploymentName, buildId: buildId ?? '' });
      return;
    } catch (error) {
      if (!isGrpcServiceError(error)) throw error;
      const code: number = error.code;
      if ((code !== NOT_FOUND && code !== FAILED_PRECONDITION) || performance.now() > untilMs) {
        throw new Error(`${deploymentName}: ${buildId ?? 'the workers without a version'} cannot become current: ${error.details}`, {
          cause: error,
        });
      }
    }
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}
