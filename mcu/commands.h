/* mcu/commands.h - the program's commands. Each takes its own words (argv[0] is the command's name)
 * and returns the exit status: 0 done, 1 it failed while running, 2 the words are wrong. */
#ifndef MCU_COMMANDS_H
#define MCU_COMMANDS_H

int mcu_cmd_serve(int argc, char **argv);
int mcu_cmd_mix(int argc, char **argv);
int mcu_cmd_room(int argc, char **argv);
int mcu_cmd_recover(int argc, char **argv);
int mcu_cmd_token(int argc, char **argv);
int mcu_cmd_config(int argc, char **argv);
int mcu_cmd_layout(int argc, char **argv);
int mcu_cmd_doctor(int argc, char **argv);

#endif
