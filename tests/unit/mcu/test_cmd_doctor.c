/* `mixdown doctor` as a shell sees it, with things missing on purpose; TURN by a real coturn. Each
 * run is a process of its own, with its settings in the environment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ec.h>
#include <openssl/x509.h>
#include <string.h>

#include "mcu/commands.h"
#include "mcu/doctor.h"
#include "tests/unit/transport/turn_server.h"

enum { DAY_S = 86400, SETTINGS_MAX = 8 };

struct setting {
    const char *name;
    const char *value;
};

static char out[16 * 1024], err[4096];

static void read_back(FILE *f, char *text, size_t size)
{
    rewind(f);
    text[fread(text, 1, size - 1, f)] = '\0';
    fclose(f);
}

/* Returns the exit status. */
static int run_words(char **argv, int argc, const struct setting *settings)
{
    int status = -1;
    FILE *out_file = tmpfile(), *err_file = tmpfile();
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        dup2(fileno(out_file), STDOUT_FILENO);
        dup2(fileno(err_file), STDERR_FILENO);
        setenv("MIXDOWN_HTTP_LISTEN", "127.0.0.1:0", 1);
        setenv("MIXDOWN_STORAGE_DIR", "/tmp", 1);
        for (size_t i = 0; settings && i < SETTINGS_MAX && settings[i].name; i++)
            setenv(settings[i].name, settings[i].value, 1);
        const int done = mcu_cmd_doctor(argc, argv);
        fflush(NULL);
        _exit(done);
    }
    waitpid(child, &status, 0);
    read_back(out_file, out, sizeof(out));
    read_back(err_file, err, sizeof(err));
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int run(const struct setting *settings)
{
    char word[] = "doctor";
    char *argv[] = {word, NULL};
    return run_words(argv, 1, settings);
}

static void says(const char *verdict, const char *about, const char *what)
{
    char start[64];
    snprintf(start, sizeof(start), "%-5s %-10s ", verdict, about);
    for (const char *line = out; line && *line;) {
        const char *end = strchr(line, '\n');
        const char *found = strstr(line, what);
        if (strncmp(line, start, strlen(start)) == 0 && found && (!end || found < end))
            return;
        line = end ? end + 1 : NULL;
    }
    fail_msg("no line \"%s... %s\" in:\n%s%s", start, what, out, err);
}

static void wrong_words_and_settings_leave_with_two(void **state)
{
    (void)state;
    char word[] = "doctor", more[] = "--strong", file[] = "--config", path[] = "/nowhere/x.yaml";
    char *strange[] = {word, more, NULL};
    char *missing[] = {word, file, path, NULL};
    assert_int_equal(run_words(strange, 2, NULL), 2);
    assert_non_null(strstr(err, "--help"));
    assert_int_equal(run_words(missing, 3, NULL), 2);
    assert_non_null(strstr(err, "/nowhere/x.yaml"));
    const struct setting bad[SETTINGS_MAX] = {{"MIXDOWN_RTC_DSCP", "64"}};
    assert_int_equal(run(bad), 2);
}

static void every_matter_has_a_line(void **state)
{
    static const char *const about[] = {"http",      "tokens", "tls",  "ports",
                                        "addresses", "turn",   "disk", "fonts"};
    (void)state;
    run(NULL); /* what it leaves with depends on the machine */
    for (size_t i = 0; i < sizeof(about) / sizeof(about[0]); i++) {
        char word[32];
        snprintf(word, sizeof(word), " %s ", about[i]);
        if (!strstr(out, word))
            fail_msg("nothing of %s in:\n%s", about[i], out);
    }
    says("note", "tls", "http.tls_cert");
    says("note", "turn", "rtc.turn_urls");
    says("note", "tokens", "--dev");
}

static uint16_t take_port(int type, int *fd)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t n = sizeof(a);
    *fd = socket(AF_INET, type, 0);
    assert_int_equal(bind(*fd, (struct sockaddr *)&a, n), 0);
    assert_int_equal(getsockname(*fd, (struct sockaddr *)&a, &n), 0);
    if (type == SOCK_STREAM)
        assert_int_equal(listen(*fd, 1), 0);
    return ntohs(a.sin_port);
}

static void taken_ports_are_told(void **state)
{
    (void)state;
    int tcp, udp;
    char listen_at[32], port[8];
    snprintf(listen_at, sizeof(listen_at), "127.0.0.1:%u", take_port(SOCK_STREAM, &tcp));
    snprintf(port, sizeof(port), "%u", take_port(SOCK_DGRAM, &udp));
    const struct setting settings[SETTINGS_MAX] = {{"MIXDOWN_HTTP_LISTEN", listen_at},
                                                   {"MIXDOWN_RTC_PORT_MIN", port},
                                                   {"MIXDOWN_RTC_PORT_MAX", port}};
    assert_int_equal(run(settings), 1);
    says("note", "http", "is taken");
    says("FAIL", "ports", "rtc.port_min");
    close(udp);
    run(settings);
    says("note", "ports", "1 of UDP");
    close(tcp);
}

static void addresses_of_others_are_told(void **state)
{
    (void)state;
    const struct setting settings[SETTINGS_MAX] = {{"MIXDOWN_HTTP_LISTEN", "203.0.113.9:8080"},
                                                   {"MIXDOWN_RTC_LISTEN", "203.0.113.9"}};
    assert_int_equal(run(settings), 1);
    says("FAIL", "http", "203.0.113.9:8080");
    says("FAIL", "addresses", "rtc.announced");
    const struct setting announced[SETTINGS_MAX] = {{"MIXDOWN_RTC_ANNOUNCED", "203.0.113.9"}};
    run(announced);
    says("ok", "addresses", "203.0.113.9");
}

static void a_disk_that_cannot_be_written_fails(void **state)
{
    (void)state;
    const struct setting settings[SETTINGS_MAX] = {{"MIXDOWN_STORAGE_DIR", "/dev/null/data"}};
    assert_int_equal(run(settings), 1);
    says("FAIL", "disk", "storage.dir");
}

/* --- TLS -------------------------------------------------------------------------------------- */

static EVP_PKEY *make_key(const char *path)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    FILE *f = fopen(path, "w");
    assert_true(key && f && PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1);
    fclose(f);
    return key;
}

static void make_certificate(const char *path, EVP_PKEY *key, long days)
{
    X509 *cert = X509_new();
    X509_gmtime_adj(X509_getm_notBefore(cert), -DAY_S);
    X509_gmtime_adj(X509_getm_notAfter(cert), days * DAY_S + DAY_S / 2);
    X509_set_pubkey(cert, key);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    FILE *f = fopen(path, "w");
    assert_true(f && PEM_write_X509(f, cert) == 1);
    fclose(f);
    X509_free(cert);
}

static void look_at_tls(struct mcu_config *c, int64_t now_s)
{
    FILE *f = tmpfile();
    struct mcu_doctor d = {.config = c, .out = f};
    mcu_doctor_tls(&d, now_s);
    read_back(f, out, sizeof(out));
}

static void certificates_are_read(void **state)
{
    (void)state;
    static struct mcu_config c;
    char folder[] = "/tmp/mixdown-tls-XXXXXX";
    const int64_t now_s = mcu_wall_ms() / 1000;
    assert_non_null(mkdtemp(folder));
    mcu_config_init(&c);
    snprintf(c.http.tls_cert, sizeof(c.http.tls_cert), "%s/cert", folder);
    look_at_tls(&c, now_s);
    says("FAIL", "tls", "belong together");
    snprintf(c.http.tls_key, sizeof(c.http.tls_key), "%s/key", folder);
    look_at_tls(&c, now_s);
    says("FAIL", "tls", "cannot be read");
    EVP_PKEY *key = make_key(c.http.tls_key);
    make_certificate(c.http.tls_cert, key, 100);
    look_at_tls(&c, now_s);
    says("ok", "tls", "100 days");
    look_at_tls(&c, now_s + INT64_C(90) * DAY_S);
    says("note", "tls", "10 days");
    look_at_tls(&c, now_s + INT64_C(101) * DAY_S);
    says("FAIL", "tls", "run out");
    EVP_PKEY_free(make_key(c.http.tls_key)); /* no longer the one of the certificate */
    look_at_tls(&c, now_s);
    says("FAIL", "tls", "http.tls_key");
    unlink(c.http.tls_cert);
    unlink(c.http.tls_key);
    rmdir(folder);
    EVP_PKEY_free(key);
}

/* --- TURN ------------------------------------------------------------------------------------- */

static void turn_servers_are_asked(void **state)
{
    (void)state;
    struct turn_server t;
    char urls[128], line[128];
    turn_start(&t);
    snprintf(urls, sizeof(urls), "turn:%s,turn:%s?transport=tcp", t.address, t.address);
    struct setting settings[SETTINGS_MAX] = {{"MIXDOWN_RTC_TURN_URLS", urls},
                                             {"MIXDOWN_RTC_TURN_SERVER", t.address},
                                             {"MIXDOWN_RTC_TURN_SECRET", "north"}};
    run(settings);
    snprintf(line, sizeof(line), "turn:%s relays from 127.0.0.1", t.address);
    says("ok", "turn", line);
    says("ok", "turn", "transport=tcp relays from 127.0.0.1");
    assert_null(strstr(out, "gives no relay"));
    turn_stop(&t);
}

static void what_turn_lacks_is_told(void **state)
{
    (void)state;
    struct turn_server t;
    turn_start(&t);
    const struct setting wrong[SETTINGS_MAX] = {{"MIXDOWN_RTC_TURN_SERVER", t.address},
                                                {"MIXDOWN_RTC_TURN_SECRET", "south"}};
    assert_int_equal(run(wrong), 1);
    says("FAIL", "turn", "gives no relay");
    turn_stop(&t);
    const struct setting no_secret[SETTINGS_MAX] = {{"MIXDOWN_RTC_TURN_URLS", "turn:127.0.0.1:9"}};
    assert_int_equal(run(no_secret), 1);
    says("FAIL", "turn", "rtc.turn_secret");
    const struct setting no_name[SETTINGS_MAX] = {
        {"MIXDOWN_RTC_TURN_URLS", "turn:no..such:9"}, {"MIXDOWN_RTC_TURN_SECRET", "north"}};
    assert_int_equal(run(no_name), 1);
    says("FAIL", "turn", "not known");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_words_and_settings_leave_with_two),
        cmocka_unit_test(every_matter_has_a_line),
        cmocka_unit_test(taken_ports_are_told),
        cmocka_unit_test(addresses_of_others_are_told),
        cmocka_unit_test(a_disk_that_cannot_be_written_fails),
        cmocka_unit_test(certificates_are_read),
        cmocka_unit_test(turn_servers_are_asked),
        cmocka_unit_test(what_turn_lacks_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
