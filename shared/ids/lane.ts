/** How a program's lines are read. By the one grammar: */
export const parse = 0;
/** They say nothing that anybody needs. */
export const nothing = 1;
export const smtpd = 2;
export const cleanup = 3;
export const qmgr = 4;
export const delivery = 5;
