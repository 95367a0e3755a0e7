import { afterContainment } from './after-containment.ts';
import { rotation } from './rotation.ts';
import { volume } from './volume.ts';
import type { Detection } from './window.ts';

/** Every detection; CONTRIBUTING.md tells how to add one. */
export const detections: readonly Detection[] = [volume, rotation, afterContainment];
