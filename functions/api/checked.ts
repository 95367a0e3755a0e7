import { HTTPException } from 'hono/http-exception';
import * as z from 'zod';

/** What a caller sent, or a 400 that says what is wrong with it. */
export function checked<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new HTTPException(400, { message: z.prettifyError(parsed.error) });
}
