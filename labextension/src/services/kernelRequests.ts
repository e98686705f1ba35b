/**
 * Questions about kernels to a server that may not know this page's user for a moment.
 */
import { KernelAPI, type Kernel, ServerConnection } from '@jupyterlab/services';

const SIGNED_OUT = new Set([401, 403]);

/**
 * Takes a refusal for what it is: no word about the kernel.
 *
 * JupyterLab takes every answer that it does not expect for the kernel's death, and says so in a
 * modal dialog. A project's server that was restarted refuses everybody until they have signed in
 * again; as a network error the refusal makes JupyterLab ask again later.
 */
export class PatientKernelRequests extends KernelAPI.KernelAPIClient {
  /** Return a kernel's model, or nothing when there is no such kernel. */
  override async getModel(id: string): Promise<Kernel.IModel | undefined> {
    try {
      return await super.getModel(id);
    } catch (error) {
      const isRefusal =
        error instanceof ServerConnection.ResponseError && SIGNED_OUT.has(error.response.status);
      throw isRefusal ? new ServerConnection.NetworkError(error) : error;
    }
  }
}
