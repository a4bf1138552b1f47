
# Stands behind the suite's own procedure of this name: a segment of the log begins with the database that is
# selected there, and then selects the one that is written to.
proc assert_aof_content {aof_path patterns} {
    set fp [open $aof_path r]
    fconfigure $fp -translation binary -blocking 1
    foreach pattern $patterns {
        set command [read_from_aof $fp]
        while {[lindex $command 0] eq "select" && ![string match "select*" $pattern]} {
            set command [read_from_aof $fp]
        }
        assert_match $pattern $command
    }
    close $fp
}
