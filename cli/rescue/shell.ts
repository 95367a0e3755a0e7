/** One word of a shell's command line. What we print is pasted at night, and may hold what a stranger chose. */
export function shellWord(text: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
