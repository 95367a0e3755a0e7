/**
 * Beside the program, in the process group of both: when our end of its standard input closes, because we say so or
 * because we are gone, however that came, the group is told to stop, and after ten seconds killed. (LocalStack, told to
 * stop while it starts, may hang for ever; ctrl-C on top of that is worse.)
 */
const watched = `
exec 3<&0 </dev/null
(
  trap '' TERM
  read _ <&3
  kill -TERM -$$
  for tenth in $(seq 100); do kill -0 $$ || break; sleep 0.1; done
  kill -KILL -$$
) >/dev/null 2>&1 &
exec 3<&-
exec nice -n 10 "$@"
`;

/**
 * Program and arguments of a child that ends with this process and that gives way to the tests that run meanwhile. It
 * wants a pipe as standard input, and is out of a terminal's reach.
 */
export function bound(command: string, args: readonly string[]): [string, string[]] {
  return ['setsid', ['sh', '-c', watched, 'sh', command, ...args]];
}
