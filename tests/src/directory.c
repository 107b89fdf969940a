/*
 * A directory of groups, as an NSS module: groups stand in a file, written as in /etc/group. Without
 * the file the directory is down. A pipe in its place makes it hang until something else is there.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <nss.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define ROOM (16 << 20)

static FILE *directory(void)
{
    for (;;) {
        FILE *groups = fopen(GROUPS, "re");
        struct stat kind;

        if (groups == NULL)
            return NULL;
        if (fstat(fileno(groups), &kind) == 0 && !S_ISFIFO(kind.st_mode))
            return groups;
        while (fgetc(groups) != EOF)
            ;
        fclose(groups);
    }
}

enum nss_status _nss_directory_getgrnam_r(const char *name, struct group *group, char *buffer,
                                          size_t length, int *error)
{
    FILE *groups = directory();
    struct group *found;
    int code;

    if (groups == NULL) {
        *error = ECONNREFUSED;
        return NSS_STATUS_UNAVAIL;
    }
    do
        code = fgetgrent_r(groups, group, buffer, length, &found);
    while (code == 0 && strcmp(group->gr_name, name) != 0);
    fclose(groups);
    if (code == 0)
        return NSS_STATUS_SUCCESS;
    *error = code;
    return code == ERANGE ? NSS_STATUS_TRYAGAIN : NSS_STATUS_NOTFOUND;
}

static int lists(const struct group *group, const char *user)
{
    for (char **member = group->gr_mem; *member != NULL; member++)
        if (strcmp(*member, user) == 0)
            return 1;
    return 0;
}

enum nss_status _nss_directory_initgroups_dyn(const char *user, gid_t primary, long *start, long *size,
                                              gid_t **gids, long limit, int *error)
{
    FILE *groups = directory();
    char *buffer = malloc(ROOM);
    struct group group, *found;

    if (groups == NULL || buffer == NULL) {
        if (groups != NULL)
            fclose(groups);
        free(buffer);
        *error = ECONNREFUSED;
        return NSS_STATUS_UNAVAIL;
    }
    while (fgetgrent_r(groups, &group, buffer, ROOM, &found) == 0) {
        if (group.gr_gid == primary || !lists(&group, user) || (limit > 0 && *start >= limit))
            continue;
        if (*start == *size) {
            gid_t *more = realloc(*gids, 2 * *size * sizeof(gid_t));

            if (more == NULL)
                break;
            *gids = more;
            *size *= 2;
        }
        (*gids)[(*start)++] = group.gr_gid;
    }
    fclose(groups);
    free(buffer);
    return NSS_STATUS_SUCCESS;
}
